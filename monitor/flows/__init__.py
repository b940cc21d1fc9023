"""What happens: poll, intake, dispatch, sweep. Each gathers, decides, records."""
