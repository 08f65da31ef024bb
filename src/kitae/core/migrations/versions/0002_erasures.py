"""Erasures: requests, tombstones, what saw erased records, which artifacts went."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the four tables."""
    op.create_table(
        "erasures",
        sa.Column("id", sa.String(16), nullable=False),
        sa.Column("asked", sa.JSON(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("key", sa.String(16), nullable=False),
        sa.Column("requested_at", sa.String(32), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_erasures"),
    )
    op.create_table(
        "tombstones",
        sa.Column("mark", sa.String(32), nullable=False),
        sa.Column("erasure", sa.String(16), nullable=False),
        sa.PrimaryKeyConstraint("mark", name="pk_tombstones"),
        sa.ForeignKeyConstraint(["erasure"], ["erasures.id"], name="fk_tombstones_erasure_erasures"),
    )
    op.create_table(
        "saw_erased",
        sa.Column("artifact", sa.String(64), nullable=False),
        sa.Column("erasure", sa.String(16), nullable=False),
        sa.Column("records", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("artifact", "erasure", name="pk_saw_erased"),
        sa.ForeignKeyConstraint(["erasure"], ["erasures.id"], name="fk_saw_erased_erasure_erasures"),
    )
    op.create_table(
        "erased_artifacts",
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("erasure", sa.String(16), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("source", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("digest", "erasure", name="pk_erased_artifacts"),
        sa.ForeignKeyConstraint(["erasure"], ["erasures.id"], name="fk_erased_artifacts_erasure_erasures"),
    )


def downgrade() -> None:
    """Remove them."""
    for table in ("erased_artifacts", "saw_erased", "tombstones", "erasures"):
        op.drop_table(table)
