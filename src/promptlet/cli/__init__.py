"""The command line: one thin file per verb. What is heavy is imported inside the verbs, so that --help is quick."""
