"""New installations whose tables are copied instead of migrated, which took most of the time to make one."""

import sqlalchemy as sa

from controller.db.connection.engine import make_engine
from controller.setup.installation import ensure_folders, ensure_installation
from tests.support.state.state_database import make_tables


def install(config):
    """The installation of `config` is there, as `ensure_installation` makes it, with settings, keys and tables."""
    ensure_folders(config)
    engine = make_engine(config.database_url)
    try:
        file = engine.url.database if engine.dialect.name == "sqlite" else None
        if not (config.home / file).exists() if file else not sa.inspect(engine).get_table_names():
            make_tables(engine)
    finally:
        engine.dispose()
    ensure_installation(config)
