"""How fast a student writes here: the machine, who is measured, and measuring them side by side."""
