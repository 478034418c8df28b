"""Plain values, enums and frame schemas that the rooms hand to each other. Imports nothing of the gateway."""
