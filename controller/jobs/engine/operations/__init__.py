"""Operations on jobs that already exist: an operator's interventions, cancellation, follow-up jobs, taking back."""
