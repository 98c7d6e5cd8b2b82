"""The timer trigger: NCRONTAB schedules, run on startup, monitored last runs."""
