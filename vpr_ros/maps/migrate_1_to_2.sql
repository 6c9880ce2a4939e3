-- Maps of version 1 knew neither frame nor datum, calibration nor local features, and each of their
-- descriptors took a page of its own.

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

ALTER TABLE view RENAME TO old_view;
CREATE TABLE view (
    place INTEGER NOT NULL REFERENCES place (id) ON DELETE CASCADE,
    camera INTEGER NOT NULL REFERENCES camera (number),
    descriptor BLOB NOT NULL,
    PRIMARY KEY (place, camera)
);
INSERT INTO view SELECT place, camera, descriptor FROM old_view ORDER BY place, camera;
DROP TABLE old_view;

ALTER TABLE thumbnail RENAME TO old_thumbnail;
CREATE TABLE thumbnail (
    place INTEGER NOT NULL REFERENCES place (id) ON DELETE CASCADE,
    camera INTEGER NOT NULL REFERENCES camera (number),
    jpeg BLOB NOT NULL,
    PRIMARY KEY (place, camera)
);
INSERT INTO thumbnail SELECT place, camera, jpeg FROM old_thumbnail ORDER BY place, camera;
DROP TABLE old_thumbnail;

CREATE TABLE local_features (
    place INTEGER NOT NULL REFERENCES place (id) ON DELETE CASCADE,
    camera INTEGER NOT NULL REFERENCES camera (number),
    count INTEGER NOT NULL,
    points BLOB NOT NULL,
    descriptors BLOB NOT NULL,
    scores BLOB NOT NULL,
    PRIMARY KEY (place, camera)
);
