"""Turns recorded usage into charges, keeps money held for what runs, warns before it runs out, and shows the bill. It never starts a job."""
