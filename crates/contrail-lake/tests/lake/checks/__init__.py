"""What must hold of an Iceberg table, looked at through PyIceberg: one module a kind of file.

Reading order: `report` (what is found wrong), `history` (the metadata file and its predecessors), `manifests` (manifest
lists, manifests, summaries), `files` (data files, `columns` in them), `folder` (what lies about), `engines` (whether
others read the same).
"""
