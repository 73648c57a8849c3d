"""What controller and agent share: schemas, job, bundle, placeholders, events, signing, errors."""
