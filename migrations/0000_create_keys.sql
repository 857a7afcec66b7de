CREATE TABLE `keys` (
	`id` text PRIMARY KEY NOT NULL,
	`project_id` text NOT NULL,
	`name` text NOT NULL,
	`scopes` text NOT NULL,
	`requests_per_minute` integer,
	`tokens_per_minute` integer,
	`daily_budget_micros` integer,
	`monthly_budget_micros` integer,
	`created_at_ms` integer NOT NULL,
	`expires_at_ms` integer,
	`revoked_at_ms` integer,
	`rotated_from` text,
	`root_id` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `keys_by_project` ON `keys` (`project_id`,`created_at_ms`);