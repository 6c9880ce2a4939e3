-- Maps of version 1 knew neither frame nor datum, calibration nor local features.

INSERT INTO map VALUES ('frame', 'map'), ('datum', ''), ('state', lower(hex(randomblob(8))));

CREATE TABLE calibration (
    session INTEGER NOT NULL REFERENCES session (number) ON DELETE CASCADE,
    camera INTEGER NOT NULL REFERENCES camera (number),
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    matrix BLOB NOT NULL,
    distortion_model TEXT NOT NULL,
    distortion BLOB NOT NULL,
    rectified INTEGER NOT NULL,
    mounting BLOB,
    PRIMARY KEY (session, camera)
) WITHOUT ROWID;

CREATE INDEX view_by_camera ON view (camera, place);

CREATE TABLE local_features (
    place INTEGER NOT NULL REFERENCES place (id) ON DELETE CASCADE,
    camera INTEGER NOT NULL REFERENCES camera (number),
    count INTEGER NOT NULL,
    points BLOB NOT NULL,
    descriptors BLOB NOT NULL,
    scores BLOB NOT NULL,
    PRIMARY KEY (place, camera)
) WITHOUT ROWID;
