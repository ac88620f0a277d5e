"""Human review (Figure 2 of the paper): prompts of several systems, rated blindly by people on a small web page."""
