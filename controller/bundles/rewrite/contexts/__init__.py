"""Rules of the rewriter: what a needle means in its context."""
