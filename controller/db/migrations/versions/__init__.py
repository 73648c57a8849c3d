"""One module per revision, in folders of ten; all are kept: databases of every earlier version start from theirs."""
