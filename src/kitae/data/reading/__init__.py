"""How each family of raw files is read: delimited tables, JSON, workbooks, columns, documents, archives."""
