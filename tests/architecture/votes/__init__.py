"""A made-up application, as CONTRIBUTING has it made: votes from a topic, and a sink of files."""
