"""What we measure is a table: it agrees with the units library and with the formats that we ship."""

import pytest
from tests.unit.collector.declared import ours

from barograph.collector import units
from barograph.collector.formats import shipped
from barograph.collector.formats.walking import columns
from barograph.metrics import METRICS, known, metric


@pytest.mark.parametrize("one", METRICS, ids=lambda one: one.name)
def test_a_metric_has_a_unit_a_range_and_a_label(one):
    """Charts, checks and conversions read them."""
    if one.unit:
        units.check(one.unit)

    assert one.valid[0] < one.valid[1]
    assert one.resolution > 0
    assert one.label


def test_the_same_quantity_at_another_place_is_as_well_known():
    """A second probe or a phase is no other metric."""
    assert ("°C", (-90, 125), "Temperature 2") == _told("temperature_2")
    assert ("V", (0, 1000), "Voltage L1") == _told("voltage_l1")
    assert "kWh" == metric("energy_import_tariff_1").unit
    assert known("register_1") is None


def _told(name):
    one = metric(name)
    return one.unit, one.valid, one.label


@pytest.mark.parametrize("name", shipped())
def test_what_a_shipped_format_measures_is_in_the_table_or_its_own(name):
    """A quantity of the field is written the same way by all; only a device's own words may be its own."""
    measured = {column.metric for column in columns(ours(name)) if column.metric}

    own = {metric for metric in measured if known(metric.replace("{n}", "1")) is None}
    assert OWN.get(name, set()) == own


OWN = {
    name: set(metrics.split())
    for name, metrics in {
        "davis-archive": """
            evapotranspiration extra_humidity_{n} extra_temperature_{n} forecast_rule leaf_temperature_{n}
            leaf_wetness_{n} rain_rate_max soil_moisture_{n} solar_radiation_max temperature_max temperature_min
            uv_index_max wind_samples
        """,
        "davis-loop": """
            evapotranspiration_month evapotranspiration_today evapotranspiration_year extra_humidity_{n}
            extra_temperature_{n} forecast_icons forecast_rule leaf_temperature_{n} leaf_wetness_{n}
            pressure_trend rain_15min rain_storm soil_moisture_{n} thsw_index transmitter_battery_low
            wind_speed_average_2min
        """,
        "dsmr-p1": """
            apparent_power_export apparent_power_import apparent_power_import_l1 apparent_power_import_l2
            apparent_power_import_l3 average_demand average_demand_export fuse_threshold long_power_failures
            maximum_demand_month power_failures power_threshold reactive_energy_export
            reactive_energy_export_tariff_1 reactive_energy_export_tariff_2 reactive_energy_import
            reactive_energy_import_tariff_1 reactive_energy_import_tariff_2 reactive_energy_q1
            reactive_energy_q2 reactive_energy_q3 reactive_energy_q4 reactive_power_export
            reactive_power_export_l1 reactive_power_export_l2 reactive_power_export_l3 reactive_power_import
            reactive_power_import_l1 reactive_power_import_l2 reactive_power_import_l3 reactive_power_q1
            reactive_power_q2 reactive_power_q3 reactive_power_q4 status status_2 switch_position tariff
            valve_position_1 valve_position_2 valve_position_3 valve_position_4 voltage_sags_l1 voltage_sags_l2
            voltage_sags_l3 voltage_swells_l1 voltage_swells_l2 voltage_swells_l3
        """,
        "ecowitt-gw1000": """
            battery_co2 co2_24h humidity_co2 leaf_wetness_1 leaf_wetness_2 leaf_wetness_3 leaf_wetness_4
            leaf_wetness_5 leaf_wetness_6 leaf_wetness_7 leaf_wetness_8 leak_1 leak_2 leak_3 leak_4
            lightning_count lightning_distance piezo_rain_event piezo_rain_hour piezo_rain_month piezo_rain_rate
            piezo_rain_today piezo_rain_week piezo_rain_year pm10_24h_co2 pm10_co2 pm2_5_24h_1 pm2_5_24h_2
            pm2_5_24h_3 pm2_5_24h_4 pm2_5_24h_co2 pm2_5_co2 probe_temperature_1 probe_temperature_2
            probe_temperature_3 probe_temperature_4 probe_temperature_5 probe_temperature_6 probe_temperature_7
            probe_temperature_8 probe_voltage_1 probe_voltage_2 probe_voltage_3 probe_voltage_4 probe_voltage_5
            probe_voltage_6 probe_voltage_7 probe_voltage_8 rain_event rain_gain soil_moisture_1
            soil_moisture_10 soil_moisture_11 soil_moisture_12 soil_moisture_13 soil_moisture_14
            soil_moisture_15 soil_moisture_16 soil_moisture_2 soil_moisture_3 soil_moisture_4 soil_moisture_5
            soil_moisture_6 soil_moisture_7 soil_moisture_8 soil_moisture_9 temperature_co2 uv
            wind_speed_max_today
        """,
        "enocean-esp3": """
            channel error_level output pressed rocker_1 rocker_2 rssi second_action
        """,
        "iec62056-21": """
            maximum_demand meter_number power_balance_l1 power_balance_l2 power_balance_l3 power_sum
            reactive_energy_export reactive_energy_import
        """,
        "lacrosse-jeelink": """
            new_battery sensor_type
        """,
        "lakeshore": """
            alarm_deadband alarm_enabled alarm_high alarm_latching alarm_low
        """,
        "mcu680": """
            gas_resistance iaq_accuracy
        """,
        "mks-937b": """
            vacuum
        """,
        "modbus-ascii": """
            exception_code inputs_{n} register_{n}
        """,
        "modbus-rtu": """
            exception_code inputs_{n} register_{n}
        """,
        "modbus-tcp": """
            exception_code inputs_{n} register_{n}
        """,
        "nmea0183": """
            absolute_humidity altitude_error apparent_wind_angle apparent_wind_speed course_magnetic
            current_direction current_direction_magnetic current_speed depth_below_keel depth_offset dip_raw
            distance fix_type geoid_separation gps_quality hdop heading_magnetic heading_raw latitude_error
            local_zone local_zone_minutes longitude_error magnetic_deviation magnetic_field_raw
            magnetic_variation pdop pitch_raw propeller_pitch range_error rate_of_turn revolutions roll_raw
            rudder_angle rudder_angle_port satellites trip_distance vdop water_speed wind_angle
            wind_direction_magnetic
        """,
        "nmea2000-canboat": """
            apparent_wind_angle apparent_wind_speed battery_temperature course_magnetic depth_offset
            engine_speed fluid_level heading_magnetic other_temperature pitch rate_of_turn roll rudder_angle
            set_humidity set_temperature tank_capacity water_speed wind_angle wind_direction_magnetic yaw
        """,
        "nova-sds": """
            pm100
        """,
        "opentherm-gateway": """
            boiler_water_temperature burner_hours burner_starts ch2_active ch2_enabled ch_active ch_enabled
            ch_pump_hours ch_pump_starts ch_water_pressure ch_water_setpoint_max ch_water_setpoint_min
            control_setpoint control_setpoint_2 cooling_active cooling_control cooling_enabled day dhw_active
            dhw_burner_hours dhw_burner_starts dhw_enabled dhw_flow_rate dhw_pump_hours dhw_pump_starts
            dhw_setpoint dhw_setpoint_max dhw_setpoint_min dhw_temperature dhw_temperature_2 diagnostic
            exhaust_fan_speed exhaust_inlet_temperature exhaust_outlet_temperature exhaust_temperature fan_speed
            fan_speed_setpoint fault fault_flags flame flame_current flame_signal_too_low flow_temperature_2
            heat_exchanger_temperature hour inlet_fan_speed master_configuration master_member_id
            master_product_type master_product_version max_boiler_capacity max_ch_water_setpoint
            max_modulation_level min_modulation_level minute modulation_level month oem_diagnostic_code
            oem_fault_code opentherm_version_master opentherm_version_slave otc_active otc_curve_ratio_max
            otc_curve_ratio_min otc_heat_curve_ratio outside_temperature override_function relative_ventilation
            remote_override_setpoint remote_transfer_flags remote_write_flags return_water_temperature
            room_setpoint room_setpoint_2 room_temperature room_temperature_2 slave_configuration
            slave_member_id slave_product_type slave_product_version solar_collector_temperature
            solar_storage_temperature supply_inlet_temperature supply_outlet_temperature
            unsuccessful_burner_starts ventilation_configuration ventilation_fault_code ventilation_fault_flags
            ventilation_master_status ventilation_member_id ventilation_setpoint ventilation_status weekday year
        """,
        "oxford-mercury": """
            derivative field flow_setpoint heater_setpoint integral level percent proportional resistance
            setpoint slope
        """,
        "plantower-pms5003s": """
            formaldehyde particles_0_3 particles_0_5 particles_1 particles_10 particles_2_5 particles_5 pm10_cf1
            pm1_cf1 pm2_5_cf1
        """,
        "plantower-pms5003t": """
            particles_0_3 particles_0_5 particles_1 particles_2_5 pm10_cf1 pm1_cf1 pm2_5_cf1
        """,
        "plantower": """
            formaldehyde particles_0_3 particles_0_5 particles_1 particles_10 particles_2_5 particles_5 pm10_cf1
            pm1_cf1 pm2_5_cf1
        """,
        "rfxcom": """
            adc battery_level count forecast humidity_status mode rssi setpoint status weight
        """,
        "ruuvi": """
            acceleration_x acceleration_y acceleration_z calibration_in_progress measurement_sequence_number
            movement_counter tx_power
        """,
        "sdi12": """
            count seconds version
        """,
        "seabird-cnv": """
            conductivity conductivity_2 salinity salinity_2 water_pressure
        """,
        "sensirion-sps30": """
            particles_0_5 particles_1 particles_10 particles_2_5 particles_4 typical_size
        """,
        "thyracont": """
            vacuum
        """,
        "ultimeter": """
            day_of_year minute_of_day pressure_change
        """,
        "vaisala-wxt": """
            hail hail_duration hail_rate hail_rate_peak heating_temperature heating_voltage internal_temperature
            rain_duration rain_rate_peak reference_voltage
        """,
        "ve-direct": """
            ac_apparent_power ac_current ac_voltage alarm alarm_reason average_discharge charge_cycles
            charge_drawn charge_state consumed_charge day_number dc_current dc_power dc_voltage
            deepest_discharge energy_charged energy_discharged error_code full_discharges
            high_starter_voltage_alarms high_voltage_alarms last_discharge load load_current
            low_starter_voltage_alarms low_voltage_alarms midpoint_deviation midpoint_voltage mode monitor_mode
            panel_power panel_voltage power_max_today power_max_yesterday relay seconds_since_full
            starter_voltage starter_voltage_max starter_voltage_min synchronizations time_to_go tracker_mode
            voltage_max voltage_min warning yield_today yield_total yield_yesterday
        """,
    }.items()
}
"""Words of one device or protocol: states, settings, counters, and quantities that few others measure."""
