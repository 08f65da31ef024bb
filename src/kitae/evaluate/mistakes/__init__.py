"""What went wrong, and why: slices that fail more often, clusters of failures, confusions, causes."""
