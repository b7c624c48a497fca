-- The margin of a job that is over, out of its view, in the order in which pages of jobs show it: no page reads the views of all others.

ALTER TABLE jobs ADD COLUMN margin INTEGER
    GENERATED ALWAYS AS (
        -- A view that is no JSON is refused by its own check.
        CASE WHEN json_valid(view) THEN CAST(round(json_extract(view, '$.margin_seconds') * 1000000) AS INTEGER) END
    ) VIRTUAL;

CREATE INDEX jobs_over_by_margin ON jobs (margin, uuid) WHERE active = 0;

-- The few jobs that live, among the many that are over.

CREATE INDEX jobs_active ON jobs (position) WHERE active = 1;
