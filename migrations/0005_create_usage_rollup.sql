CREATE TABLE `usage_rollup` (
	`project_id` text NOT NULL,
	`hour_ms` integer NOT NULL,
	`key_id` text NOT NULL,
	`subject_id` text NOT NULL,
	`provider` text NOT NULL,
	`model` text NOT NULL,
	`feature` text NOT NULL,
	`task` text NOT NULL,
	`agent` text NOT NULL,
	`prompt_name` text NOT NULL,
	`prompt_version` text NOT NULL,
	`calls` integer NOT NULL,
	`failed_calls` integer NOT NULL,
	`input_tokens` integer NOT NULL,
	`cached_input_tokens` integer NOT NULL,
	`cache_write_input_tokens` integer NOT NULL,
	`output_tokens` integer NOT NULL,
	`reasoning_tokens` integer NOT NULL,
	`cost_micros` integer NOT NULL,
	`estimated_calls` integer NOT NULL,
	`last_at_ms` integer NOT NULL,
	PRIMARY KEY(`project_id`, `hour_ms`, `key_id`, `subject_id`, `provider`, `model`, `feature`, `task`, `agent`, `prompt_name`, `prompt_version`)
) WITHOUT ROWID;
--> statement-breakpoint
CREATE TRIGGER `usage_rollup_of_insert` AFTER INSERT ON `usage` BEGIN
	INSERT INTO `usage_rollup` (`project_id`, `hour_ms`, `key_id`, `subject_id`, `provider`, `model`, `feature`, `task`, `agent`, `prompt_name`, `prompt_version`,
		`calls`, `failed_calls`, `input_tokens`, `cached_input_tokens`, `cache_write_input_tokens`, `output_tokens`, `reasoning_tokens`, `cost_micros`, `estimated_calls`, `last_at_ms`)
	VALUES (new.`project_id`, new.`at_ms` - new.`at_ms` % 3600000, coalesce(new.`key_id`, ''), new.`subject_id`, new.`provider`, new.`model`,
		coalesce(new.`feature`, ''), coalesce(new.`task`, ''), coalesce(new.`agent`, ''), coalesce(new.`prompt_name`, ''), coalesce(new.`prompt_version`, ''),
		1, new.`outcome` <> 'ok', new.`input_tokens`, new.`cached_input_tokens`, new.`cache_write_input_tokens`, new.`output_tokens`, new.`reasoning_tokens`, new.`cost_micros`, new.`estimated`, new.`at_ms`)
	ON CONFLICT DO UPDATE SET
		`calls` = `calls` + excluded.`calls`,
		`failed_calls` = `failed_calls` + excluded.`failed_calls`,
		`input_tokens` = `input_tokens` + excluded.`input_tokens`,
		`cached_input_tokens` = `cached_input_tokens` + excluded.`cached_input_tokens`,
		`cache_write_input_tokens` = `cache_write_input_tokens` + excluded.`cache_write_input_tokens`,
		`output_tokens` = `output_tokens` + excluded.`output_tokens`,
		`reasoning_tokens` = `reasoning_tokens` + excluded.`reasoning_tokens`,
		`cost_micros` = `cost_micros` + excluded.`cost_micros`,
		`estimated_calls` = `estimated_calls` + excluded.`estimated_calls`,
		`last_at_ms` = max(`last_at_ms`, excluded.`last_at_ms`);
END;
--> statement-breakpoint
-- Sums, not increments: a row that came after the trigger is counted once all the same.
INSERT INTO `usage_rollup` (`project_id`, `hour_ms`, `key_id`, `subject_id`, `provider`, `model`, `feature`, `task`, `agent`, `prompt_name`, `prompt_version`,
	`calls`, `failed_calls`, `input_tokens`, `cached_input_tokens`, `cache_write_input_tokens`, `output_tokens`, `reasoning_tokens`, `cost_micros`, `estimated_calls`, `last_at_ms`)
SELECT `project_id`, `at_ms` - `at_ms` % 3600000, coalesce(`key_id`, ''), `subject_id`, `provider`, `model`,
	coalesce(`feature`, ''), coalesce(`task`, ''), coalesce(`agent`, ''), coalesce(`prompt_name`, ''), coalesce(`prompt_version`, ''),
	count(*), sum(`outcome` <> 'ok'), sum(`input_tokens`), sum(`cached_input_tokens`), sum(`cache_write_input_tokens`), sum(`output_tokens`), sum(`reasoning_tokens`), sum(`cost_micros`), sum(`estimated`), max(`at_ms`)
FROM `usage` WHERE true GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
ON CONFLICT DO UPDATE SET
	`calls` = excluded.`calls`,
	`failed_calls` = excluded.`failed_calls`,
	`input_tokens` = excluded.`input_tokens`,
	`cached_input_tokens` = excluded.`cached_input_tokens`,
	`cache_write_input_tokens` = excluded.`cache_write_input_tokens`,
	`output_tokens` = excluded.`output_tokens`,
	`reasoning_tokens` = excluded.`reasoning_tokens`,
	`cost_micros` = excluded.`cost_micros`,
	`estimated_calls` = excluded.`estimated_calls`,
	`last_at_ms` = excluded.`last_at_ms`;
