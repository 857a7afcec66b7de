CREATE TABLE `eval_results` (
	`run_id` text NOT NULL,
	`case_id` text NOT NULL,
	`passed` integer NOT NULL,
	`tags` text NOT NULL,
	`failures` text NOT NULL,
	`trace_id` text,
	`model` text,
	`cost_micros` integer NOT NULL,
	`duration_ms` integer NOT NULL,
	PRIMARY KEY(`run_id`, `case_id`)
);
--> statement-breakpoint
CREATE TABLE `eval_runs` (
	`id` text PRIMARY KEY NOT NULL,
	`project_id` text NOT NULL,
	`suite` text NOT NULL,
	`trigger` text NOT NULL,
	`status` text NOT NULL,
	`data_hash` text NOT NULL,
	`prompt_version` text NOT NULL,
	`model` text NOT NULL,
	`started_at_ms` integer NOT NULL,
	`ended_at_ms` integer,
	`total` integer NOT NULL,
	`passed` integer NOT NULL,
	`critical_total` integer NOT NULL,
	`critical_passed` integer NOT NULL,
	`gate_passed` integer,
	`error` text
);
--> statement-breakpoint
CREATE INDEX `eval_runs_by_project` ON `eval_runs` (`project_id`,`started_at_ms`);