# The thirty rules in Rego. What is not known is absent from the input, and a reference to it is undefined.
package thirty

reaches(level) if input.incident.response.in_force <= level

wet if input.data.depth_cm >= 30

wet if input.data.rain_mm >= 50

provisional := count([name |
	some figure in input.incident.figures
	figure.stage == "provisional"
	name := figure.name
])

effects contains {"rule": "F01", "kind": "close_road", "parameter": 200, "sentence": sprintf("%d cm of water in an underpass: close the road", [input.data.depth_cm])} if {
	input.data.place_kind == "underpass"
	input.data.depth_cm >= 27
	not input.data.road_closed
}

effects contains {"rule": "F02", "kind": "warn_drivers", "parameter": 15, "sentence": sprintf("%d cm of water in an underpass: put up signs", [input.data.depth_cm])} if {
	input.data.place_kind == "underpass"
	input.data.depth_cm >= 15
	input.data.depth_cm < 27
}

effects contains {"rule": "F03", "kind": "inspect", "parameter": 20, "sentence": "Nobody knows how deep the water is: someone measures"} if {
	input.data.kind == "ponding"
	not input.data.depth_cm
}

effects contains {"rule": "F04", "kind": "send_pumps", "parameter": input.data.depth_cm * 4, "sentence": sprintf("%d cm of water and %d pumps at work", [input.data.depth_cm, input.data.pumps_running])} if {
	input.data.kind == "ponding"
	input.data.depth_cm >= 20
	input.data.pumps_running < 2
}

effects contains {"rule": "F05", "kind": "ask_pumps", "parameter": 10, "sentence": sprintf("%d cm of water, and nobody knows how many pumps work", [input.data.depth_cm])} if {
	input.data.kind == "ponding"
	input.data.depth_cm >= 20
	not input.data.pumps_running
}

effects contains {"rule": "F06", "kind": "patrol_dike", "parameter": 2, "sentence": sprintf("The river is %d cm above its warning stage", [input.data.river_over_cm])} if {
	input.data.river_over_cm >= 0
	input.data.river_over_cm < 50
}

effects contains {"rule": "F07", "kind": "evacuate_low", "parameter": input.data.river_over_cm * 10, "sentence": sprintf("The river is %d cm above its warning stage", [input.data.river_over_cm])} if {
	input.data.river_over_cm >= 50
}

effects contains {"rule": "F08", "kind": "call_out", "parameter": 30, "sentence": "The river rises, and people are still in the low part"} if {
	input.data.river_over_cm >= 50
	input.data.evacuated == false
}

effects contains {"rule": "F09", "kind": "watch_tunnel", "parameter": 30, "sentence": sprintf("%d cm of water near a tunnel", [input.data.depth_cm])} if {
	input.data.depth_cm >= 10
	"tunnel" in input.incident.tags
}

effects contains {"rule": "F10", "kind": "set_stage", "parameter": 2, "sentence": "Prevention is over: the water is here"} if {
	input.incident.stage == "prevent"
	wet
}

effects contains {"rule": "F11", "kind": "recommend_level", "parameter": 3, "sentence": sprintf("%d mm in an hour, and no level is in force", [input.data.rain_mm])} if {
	input.data.rain_mm >= 50
	not input.incident.response.in_force
}

effects contains {"rule": "F12", "kind": "recommend_level", "parameter": 2, "sentence": sprintf("%d mm in an hour", [input.data.rain_mm])} if {
	input.data.rain_mm >= 100
	not reaches(2)
}

effects contains {"rule": "F13", "kind": "evacuate_slope", "parameter": 500, "sentence": sprintf("A slope slides, and %d mm fell in an hour", [input.data.rain_mm])} if {
	input.data.kind == "landslide"
	input.data.rain_mm >= 30
}

effects contains {"rule": "F14", "kind": "set_mode", "parameter": 1, "sentence": "A red warning is in force"} if {
	input.data.colour == "red"
	input.incident.mode != "emergency"
}

effects contains {"rule": "F15", "kind": "close_school", "parameter": 12, "sentence": "A school lies where the warning holds"} if {
	input.data.school_near
	input.data.colour in {"orange", "red"}
}

effects contains {"rule": "F16", "kind": "secure_cranes", "parameter": input.data.wind_level, "sentence": sprintf("Wind of level %d", [input.data.wind_level])} if {
	input.data.wind_level >= 8
}

effects contains {"rule": "F17", "kind": "rescue", "parameter": input.data.trapped, "sentence": sprintf("%d people are trapped", [input.data.trapped])} if {
	input.data.trapped >= 1
}

effects contains {"rule": "F18", "kind": "set_life_safety", "parameter": 1, "sentence": sprintf("%d people are trapped: lives are at stake", [input.data.trapped])} if {
	input.data.trapped >= 10
	not input.incident.life_safety
}

effects contains {"rule": "F19", "kind": "count_people", "parameter": 10, "sentence": "Deep water, and nobody knows who is in it"} if {
	input.data.depth_cm >= 50
	not input.data.trapped
}

effects contains {"rule": "F20", "kind": "stop_metro", "parameter": 5, "sentence": "No power at a metro entrance"} if {
	input.data.place_kind == "metro_entrance"
	input.data.power_out
}

effects contains {"rule": "R21", "kind": "divert", "parameter": input.data.lanes_blocked, "sentence": sprintf("%d lanes are blocked by a collision", [input.data.lanes_blocked])} if {
	input.data.kind == "collision"
	input.data.lanes_blocked >= 1
}

effects contains {"rule": "R22", "kind": "perimeter", "parameter": 500, "sentence": "Dangerous goods in a collision"} if {
	input.data.kind == "collision"
	input.data.dangerous_goods
}

effects contains {"rule": "R23", "kind": "ask_cargo", "parameter": 10, "sentence": "A collision, and nobody knows what was on board"} if {
	input.data.kind == "collision"
	not is_boolean(input.data.dangerous_goods)
}

effects contains {"rule": "R24", "kind": "limit_speed", "parameter": 40, "sentence": sprintf("%d vehicles, and one sees %d m far", [input.data.vehicles, input.data.visibility_m])} if {
	input.data.visibility_m < 200
	input.data.vehicles >= 3
}

effects contains {"rule": "R25", "kind": "close_road", "parameter": 300, "sentence": "The road caved in"} if {
	input.data.kind == "road_collapse"
	not passable
}

passable if input.data.lanes_blocked < 2

effects contains {"rule": "R26", "kind": "tow", "parameter": input.data.vehicles, "sentence": sprintf("%d vehicles stand on an open road", [input.data.vehicles])} if {
	input.data.vehicles >= 5
	input.data.road_closed == false
}

effects contains {"rule": "I27", "kind": "raise_to_floor", "parameter": input.incident.floor, "sentence": sprintf("Above, level %d is in force", [input.incident.floor])} if {
	input.incident.floor
	not reaches(input.incident.floor)
}

effects contains {"rule": "I28", "kind": "verify_figures", "parameter": provisional, "sentence": sprintf("%d figures are provisional", [provisional])} if {
	provisional >= 2
}

effects contains {"rule": "I29", "kind": "ask_figures", "parameter": 60, "sentence": "A figure is not known"} if {
	some figure in input.incident.figures
	not figure.value
}

effects contains {"rule": "I30", "kind": "late_signal", "parameter": 30, "sentence": "The signal took more than half an hour"} if {
	input.now - input.event.occurred > 1800000
	not input.incident.hazard_cleared
}
