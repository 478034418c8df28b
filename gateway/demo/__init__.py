"""An invented city, its days, the truth about them, and the main job done on it: `python -m gateway.demo`.

The generator (`generate` and what it imports) takes a number of people, a seed and an amount of dirt; it gives a
folder of deliveries as the departments would hand them over, the platform's roster, and what each row should come to
and each person should hold. That truth is worked out by rules of its own: nothing in the generator imports the
gateway, or it would be no check of it. `walk` runs the gateway on such a city, `compare` holds what came of it against
the truth, `show` tells it.
"""
