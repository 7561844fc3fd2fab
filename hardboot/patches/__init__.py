"""Series of kernel patches, and kernel source trees with and without them.

- A series, and the one for a tree: `series`, `catalog`.
- Apply and revert it: `apply`, with `compare` (what is applied), `unified` (read a patch), `hunks` (apply it
  to a file), `tree` and `transaction` (read and write files).
- The support that a tree has, whoever wrote it: `status`, with `own_series`, `places`, `damage`, `constants`,
  `candidates` and `source`.
- Kernel options: `config`, with `dotconfig`, `kconfig` and `conditions`.
- Patch files of others: `lint`, with `hunk_bodies` (where damaged hunks end) and `characters` (that
  deceive the reader).
- For authors of patches: `export`, `check`.
"""
