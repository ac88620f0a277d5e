"""Reports for people: what a run's data looks like, and the card under which it is published.

`data` says what a report holds, as a `document` that the templates turn into HTML and Markdown; `card` publishes.
"""
