"""An invented city, its days and the truth about them, to try the gateway against.

Takes a number of people, a seed and an amount of dirt; gives a folder of deliveries as the departments
would hand them over, the platform's roster, and what each row should come to and each person should hold.
The truth is worked out here by rules of its own: nothing in this package imports the gateway's rooms, or
it would be no check of them.
"""
