-- Version 3 of the map file. One row per fact; the file alone is the map.

CREATE TABLE map (
    key TEXT PRIMARY KEY,       -- uuid, network, created_ns, software, descriptor_type, frame,
    value NOT NULL              -- datum, revision, state, local_features (their kind, '' where
                                -- there are none), calibration (of probabilities, '' none)
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

CREATE TABLE calibration (      -- of a camera on a traverse: robots share names of cameras
    session INTEGER NOT NULL REFERENCES session (number) ON DELETE CASCADE,
    camera INTEGER NOT NULL REFERENCES camera (number),
    width INTEGER NOT NULL,     -- pixels
    height INTEGER NOT NULL,
    matrix BLOB NOT NULL,       -- K: 9 float64 little endian
    distortion_model TEXT NOT NULL,
    distortion BLOB NOT NULL,   -- float64 little endian
    rectified INTEGER NOT NULL, -- 0 or 1
    mounting BLOB,              -- T_base_optical: 7 float64 like a pose
    PRIMARY KEY (session, camera)
) WITHOUT ROWID;

CREATE TABLE place (
    id INTEGER PRIMARY KEY,     -- fleet-unique: the session's prefix and a counter
    session INTEGER NOT NULL REFERENCES session (number),
    stamp_ns INTEGER NOT NULL,
    pose BLOB,                  -- T_map_base: 7 float64 little endian, x y z qx qy qz qw
    covariance BLOB             -- 36 float64 little endian, ROS order
);
CREATE INDEX place_in_order ON place (session, stamp_ns);

-- Large rows stand in tables with row numbers: in others, what is longer than a quarter of a page
-- takes a page of its own. Their primary keys are indexes, which tell what there is without reading it.

CREATE TABLE view (             -- what one camera saw of a place
    place INTEGER NOT NULL REFERENCES place (id) ON DELETE CASCADE,
    camera INTEGER NOT NULL REFERENCES camera (number),
    descriptor BLOB NOT NULL,   -- little endian, type as the map's descriptor_type says
    PRIMARY KEY (place, camera)
);

CREATE TABLE local_features (   -- apart from view, like thumbnails: reading descriptors skips them
    place INTEGER NOT NULL REFERENCES place (id) ON DELETE CASCADE,
    camera INTEGER NOT NULL REFERENCES camera (number),
    count INTEGER NOT NULL,
    points BLOB NOT NULL,       -- count x 2 float32 little endian, x y in pixels
    descriptors BLOB NOT NULL,  -- count x d as the encoding says
    scores BLOB NOT NULL,       -- count float16 little endian
    encoding INTEGER NOT NULL DEFAULT 0,  -- 0 float16 little endian, 1 int8, 2 signs in bits
    depths BLOB,                -- count float16 little endian, metres, NaN where it is not known
    PRIMARY KEY (place, camera)
);

CREATE TABLE thumbnail (        -- apart from view, so that reading descriptors skips pictures
    place INTEGER NOT NULL REFERENCES place (id) ON DELETE CASCADE,
    camera INTEGER NOT NULL REFERENCES camera (number),
    jpeg BLOB NOT NULL,
    PRIMARY KEY (place, camera)
);
