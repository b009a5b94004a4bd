"""Where the hub is put together: the only place that names vendors' classes and concrete stores."""
