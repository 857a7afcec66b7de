CREATE TABLE `budgets` (
	`id` text PRIMARY KEY NOT NULL,
	`project_id` text NOT NULL,
	`kind` text NOT NULL,
	`target` text NOT NULL,
	`requests_per_minute` integer,
	`tokens_per_minute` integer,
	`daily_budget_micros` integer,
	`monthly_budget_micros` integer,
	`webhook_url` text,
	`created_at_ms` integer NOT NULL,
	`updated_at_ms` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `budgets_by_target` ON `budgets` (`project_id`,`kind`,`target`);--> statement-breakpoint
ALTER TABLE `keys` ADD `on_disconnect` text DEFAULT 'abort' NOT NULL;--> statement-breakpoint
ALTER TABLE `usage` ADD `agent` text;--> statement-breakpoint
ALTER TABLE `usage` ADD `cache_write_input_tokens` integer DEFAULT 0 NOT NULL;