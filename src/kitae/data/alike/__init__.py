"""Which records say the same, over shards of any size: fingerprints, MinHash bands, clusters, decisions.

`kitae.data.duplicates` is the door. Workers make one fingerprint table per shard (`fingerprints`); the global steps
read these through memory maps (`columns`) and hold a few bytes per record: equal turns (`turns`), near pairs
(`banding` proposes, `near` measures), clusters (`clusters`), and what goes for what (`deciding`).
"""
