"""The Beam jobs that turn raw text into masked records, one file a job."""
