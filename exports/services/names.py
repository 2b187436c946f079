"""The names that exports have, each once, however many exports share one."""

from typing import Any

from django.db import connection

from exports.models import Export

# The index of names is entered anew behind each name. SQLite enters it by the first of two conditions, a hundred times
# slower by the other; without the other, which is the index's own, it may not. Ends once too many exports are found.
_EACH = """
    WITH RECURSIVE each (name, number, exports) AS (
        SELECT (SELECT name FROM {table} WHERE name > '' ORDER BY name LIMIT 1), 1, CAST(0 AS bigint)
        UNION ALL
        SELECT
            (SELECT name FROM {table} WHERE name > each.name AND name > '' ORDER BY name LIMIT 1),
            number + 1,
            exports + CASE WHEN {has_text} THEN (
                SELECT COUNT(*) FROM (SELECT 1 FROM {table} WHERE name = each.name AND name > '' LIMIT %s) AS those
            ) ELSE 0 END
        FROM each WHERE each.name IS NOT NULL AND number <= %s AND exports <= %s
    )
    SELECT name, {has_text}, exports FROM each
"""


def names_with(text: str, *, most: int) -> list[str] | None:
    """Return the names of exports that have a text, upper or lower case, whoever may see them (one query).

    Returns:
        None when there are more than ``most`` different names, or more than ``most`` exports that have the text.
    """
    here: Any = connection  # its operators are not declared
    # As the framework compares, so that both ways find the same.
    has_text = f"{here.ops.lookup_cast('icontains') % 'name'} {here.operators['icontains']}"
    question = _EACH.format(table=Export._meta.db_table, has_text=has_text)  # nosec B608  # the text is a parameter
    pattern = f"%{here.ops.prep_for_like_query(text)}%"
    with connection.cursor() as cursor:
        cursor.execute(question, [pattern, most + 1, most, most, pattern])
        rows = cursor.fetchall()
    last, _has, exports = rows[-1]
    return None if last is not None or exports > most else [name for name, has, _exports in rows if has]
