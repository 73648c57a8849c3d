"""What controller and agent both speak: schemas, job, bundle, placeholders, events, signing, errors."""
