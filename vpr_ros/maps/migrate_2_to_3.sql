-- Version 3 keeps local features in fewer bytes, and their depths. No row is written anew.

ALTER TABLE local_features ADD COLUMN encoding INTEGER NOT NULL DEFAULT 0;
ALTER TABLE local_features ADD COLUMN depths BLOB;

-- Only imports brought local features into version 2, and nothing said which these were.
INSERT INTO map
    SELECT 'local_features',
           CASE WHEN EXISTS (SELECT 1 FROM local_features) THEN 'imported' ELSE '' END;
INSERT INTO map VALUES ('calibration', '');
