"""Feedback: what each department gets back, one row per row received, nothing about anybody else's people.

Takes entries and resolutions, read-only. Gives the receipt's rows; the department's plugin puts them in its form.
"""

from gateway.feedback.receipts import receipt_rows

__all__ = ["receipt_rows"]
