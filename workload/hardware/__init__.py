"""The machine's hardware: devices, driver, limits, sensors and datasheet peaks."""
