"""The gateway: from departments' name lists to identity flags on the insurance platform."""
