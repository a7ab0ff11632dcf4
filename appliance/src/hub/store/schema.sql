-- Times are seconds since 1970 by the hub's clock, but for at_s.
CREATE TABLE IF NOT EXISTS box (
  id INTEGER PRIMARY KEY,
  key BLOB NOT NULL UNIQUE,
  facility TEXT NOT NULL,
  wants TEXT,                       -- another facility that an approved box now says to be
  name TEXT NOT NULL,
  release TEXT NOT NULL,
  built_s INTEGER NOT NULL,
  hello_sequence INTEGER NOT NULL,
  standing INTEGER NOT NULL,        -- 0 waiting, 1 approved, 2 superseded, 3 refused
  first_s INTEGER NOT NULL,
  hello_s INTEGER NOT NULL,
  decided_s INTEGER,
  decided_by TEXT,
  thinned_to INTEGER NOT NULL DEFAULT 0,
  rhythm TEXT NOT NULL DEFAULT '{}'
) STRICT;
CREATE INDEX IF NOT EXISTS box_facility ON box (facility);
CREATE TABLE IF NOT EXISTS frame (
  box INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  received_s INTEGER NOT NULL,
  at_s INTEGER NOT NULL,            -- when it was so, as far as that is believed
  alarm INTEGER,
  bytes BLOB NOT NULL,              -- as it was signed
  PRIMARY KEY (box, sequence)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS place (
  facility TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  district TEXT NOT NULL,
  province TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS notice (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  made_s INTEGER NOT NULL,
  facility TEXT NOT NULL,
  kind TEXT NOT NULL,
  alarm INTEGER,
  told_s INTEGER
) STRICT;
CREATE INDEX IF NOT EXISTS notice_untold ON notice (id) WHERE told_s IS NULL;
