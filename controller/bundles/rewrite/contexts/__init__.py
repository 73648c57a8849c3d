"""What a needle means where it stands: rules that the rewriter asks."""
