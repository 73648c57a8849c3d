"""One module per revision, all kept in this one folder: databases of every earlier version start from theirs."""
