"""What tests stand on: real servers, found or started for the run, and gone after it."""
