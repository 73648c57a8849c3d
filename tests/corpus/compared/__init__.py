"""What a shop became, compared with its template: tables, files, residue."""
