CREATE TABLE `audit` (
	`project_id` text NOT NULL,
	`seq` integer NOT NULL,
	`id` text NOT NULL,
	`at_ms` integer NOT NULL,
	`action` text NOT NULL,
	`trace_id` text NOT NULL,
	`record` text NOT NULL,
	`previous_hash` text NOT NULL,
	`hash` text NOT NULL,
	PRIMARY KEY(`project_id`, `seq`)
);
--> statement-breakpoint
CREATE UNIQUE INDEX `audit_id_unique` ON `audit` (`id`);--> statement-breakpoint
CREATE TABLE `traces` (
	`id` text PRIMARY KEY NOT NULL,
	`project_id` text NOT NULL,
	`subject_id` text NOT NULL,
	`start_ms` integer NOT NULL,
	`end_ms` integer NOT NULL,
	`spans` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `traces_by_project` ON `traces` (`project_id`,`start_ms`);--> statement-breakpoint
CREATE TABLE `usage` (
	`id` text PRIMARY KEY NOT NULL,
	`at_ms` integer NOT NULL,
	`project_id` text NOT NULL,
	`key_id` text,
	`subject_id` text NOT NULL,
	`trace_id` text NOT NULL,
	`operation` text NOT NULL,
	`provider` text NOT NULL,
	`model` text NOT NULL,
	`tier` text,
	`feature` text,
	`task` text,
	`prompt_name` text,
	`prompt_version` text,
	`prompt_hash` text,
	`input_tokens` integer NOT NULL,
	`cached_input_tokens` integer NOT NULL,
	`output_tokens` integer NOT NULL,
	`reasoning_tokens` integer NOT NULL,
	`cost_micros` integer NOT NULL,
	`estimated` integer NOT NULL,
	`duration_ms` integer NOT NULL,
	`time_to_first_token_ms` integer,
	`output_hash` text,
	`outcome` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `usage_by_project` ON `usage` (`project_id`,`at_ms`);