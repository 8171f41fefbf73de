"""The paper's experiment: does the whole chain find Clever Hans predictors? See docs/experiment.md."""
