"""The shipped plugins: one module per department, and one for the insurance platform.

Installed as `gateway_plugins`; a plugin imports `gateway.plugin` and nothing else of ours.
"""
