-- Version 1 of the map file. One row per fact; the file alone is the map.

CREATE TABLE map (
    key TEXT PRIMARY KEY,       -- uuid, network, created_ns, software, descriptor_type, revision
    value NOT NULL
) WITHOUT ROWID;

CREATE TABLE session (          -- one traverse
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    source TEXT NOT NULL,       -- where its images came from, for people
    id_prefix INTEGER NOT NULL UNIQUE,
    created_ns INTEGER NOT NULL,
    places_made INTEGER NOT NULL DEFAULT 0  -- counts removed ones too: no id comes twice
);

CREATE TABLE camera (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
);

CREATE TABLE place (
    id INTEGER PRIMARY KEY,     -- fleet-unique: the session's prefix and a counter
    session INTEGER NOT NULL REFERENCES session (number),
    stamp_ns INTEGER NOT NULL,
    pose BLOB,                  -- T_map_base: 7 float64 little endian, x y z qx qy qz qw
    covariance BLOB             -- 36 float64 little endian, ROS order
);
CREATE INDEX place_in_order ON place (session, stamp_ns);

CREATE TABLE view (             -- what one camera saw of a place
    place INTEGER NOT NULL REFERENCES place (id) ON DELETE CASCADE,
    camera INTEGER NOT NULL REFERENCES camera (number),
    descriptor BLOB NOT NULL,   -- little endian, type as the map's descriptor_type says
    PRIMARY KEY (place, camera)
) WITHOUT ROWID;

CREATE TABLE thumbnail (        -- apart from view, so that reading descriptors skips pictures
    place INTEGER NOT NULL REFERENCES place (id) ON DELETE CASCADE,
    camera INTEGER NOT NULL REFERENCES camera (number),
    jpeg BLOB NOT NULL,
    PRIMARY KEY (place, camera)
) WITHOUT ROWID;
