module handlers/{{name}}

go 1.24

require tollgate/handler v0.0.0

replace tollgate/handler => ./sdk
