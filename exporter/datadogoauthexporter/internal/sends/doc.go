// Package sends remembers, for people, what was sent for each tenant: when each intake last took a body, why it last did not, and how many bodies
// were taken and refused in each half hour of a day.
//
// It costs nothing for a tenant that nothing was sent for, and about 300 bytes for one that sends in all three signals: 500 after a day, and 900 when
// each intake refused something in each half hour.
package sends
