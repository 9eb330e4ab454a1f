//! A benchmark run over a dataset, its tables and its report.
