"""The pages: reports by day, what a run made, and how the river flows. Templates, one style sheet, htmx."""
