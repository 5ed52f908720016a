"""What the agent tells of itself: metrics, log lines, the overview, and notes to the service manager.

Everything here is made from one `Report` a pass, and nothing here changes the outcome of one.
"""
