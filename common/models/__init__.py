"""Encoders, decoders, critics and heads: plain modules with no paper's name."""
