"""Combinators: predictors made of other predictors."""
