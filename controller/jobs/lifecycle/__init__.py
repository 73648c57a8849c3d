"""What a job is, whoever moves it: the wake-up of workers, and how its agent was started."""
